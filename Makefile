# Chores. The two commands of README.md need no make.

.PHONY: check test conformance bench

check: ## formatting and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

test: ## every default test
	cargo test --workspace

conformance: ## the API server's code, Istio's analyzers, real traffic, a control plane; needs Go, traffic needs root
	tests/conformance/run.sh

bench: ## speed and memory, see docs/performance.md
	cargo bench --workspace
