{
  description = "Checks a service mesh written in .mesh files and renders it as plain, versioned YAML";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    rust-overlay = {
      url = "github:oxalica/rust-overlay";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    {
      self,
      nixpkgs,
      rust-overlay,
    }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      forEachSystem =
        make:
        nixpkgs.lib.genAttrs systems (
          system:
          make (
            import nixpkgs {
              inherit system;
              overlays = [ rust-overlay.overlays.default ];
            }
          )
        );
      toolchain = pkgs: pkgs.rust-bin.fromRustupToolchainFile ./rust-toolchain.toml;
      meshc =
        pkgs:
        let
          rust = toolchain pkgs;
          rustPlatform = pkgs.makeRustPlatform {
            cargo = rust;
            rustc = rust;
          };
        in
        rustPlatform.buildRustPackage {
          pname = "meshc";
          version = (pkgs.lib.importTOML ./Cargo.toml).workspace.package.version;
          src = pkgs.lib.cleanSource ./.;
          cargoLock.lockFile = ./Cargo.lock;
          cargoBuildFlags = [ "--package=meshc" ];
          cargoTestFlags = [
            "--package=meshc-core"
            "--package=meshc-gitops"
            "--package=meshc"
          ];
          nativeCheckInputs = [ pkgs.git ];
          meta = {
            description = "Checks a service mesh written in .mesh files and renders it as plain, versioned YAML";
            license = pkgs.lib.licenses.asl20;
            mainProgram = "meshc";
          };
        };
    in
    {
      packages = forEachSystem (pkgs: {
        default = meshc pkgs;
      });

      checks = forEachSystem (pkgs: {
        package = meshc pkgs;
        clippy = (meshc pkgs).overrideAttrs {
          pname = "meshc-clippy";
          buildPhase = "cargo clippy --workspace --all-targets --offline -- -D warnings";
          doCheck = false;
          installPhase = "touch $out";
        };
        format = pkgs.runCommand "meshc-format" { nativeBuildInputs = [ (toolchain pkgs) ]; } ''
          cd ${pkgs.lib.cleanSource ./.}
          cargo fmt --all --check
          touch $out
        '';
      });

      devShells = forEachSystem (pkgs: {
        default = pkgs.mkShell {
          packages = [
            (toolchain pkgs)
            pkgs.cargo-deny
            pkgs.git
            pkgs.go
            pkgs.kubectl
            pkgs.python3
          ];
        };
      });

      formatter = forEachSystem (pkgs: pkgs.nixfmt);
    };
}
