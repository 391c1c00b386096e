// Package deploy publishes a project of .mesh files as its people do: with meshc, git and make.
package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Project is a copy of a project, in a git repository of its own.
type Project struct {
	Dir   string
	meshc string
	env   []string
}

// Output is what a command said, and how it ended.
type Output struct {
	Code   int
	Stdout string
	Stderr string
}

// New copies the files of a project, puts the run's own texts in, and commits it. All that is run for it sees this
// kubeconfig, and no settings of the machine's users.
func New(from, dir, meshc, kubeconfig string, replace ...string) (*Project, error) {
	p := &Project{Dir: dir, meshc: meshc, env: append(os.Environ(),
		"KUBECONFIG="+kubeconfig, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Release Manager", "GIT_AUTHOR_EMAIL=release@example.com",
		"GIT_COMMITTER_NAME=Release Manager", "GIT_COMMITTER_EMAIL=release@example.com",
	)}
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		return nil, err
	}
	if _, err := p.must("git", "init", "--quiet", "--initial-branch", "main"); err != nil {
		return nil, err
	}
	return p, p.Edit("shop.mesh", replace...)
}

// Edit replaces texts in a file, each of which must be there, and commits all that has changed.
func (p *Project) Edit(file string, replace ...string) error {
	if err := replaceIn(filepath.Join(p.Dir, file), replace...); err != nil {
		return err
	}
	if _, err := p.must("git", "add", "--all", "."); err != nil {
		return err
	}
	_, err := p.must("git", "commit", "--quiet", "--message", "shop")
	return err
}

// replaceIn replaces texts in a file, each of which must be there.
func replaceIn(path string, replace ...string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i := 0; i+1 < len(replace); i += 2 {
		if !bytes.Contains(text, []byte(replace[i])) {
			return fmt.Errorf("%s does not contain %q", path, replace[i])
		}
		text = bytes.ReplaceAll(text, []byte(replace[i]), []byte(replace[i+1]))
	}
	return os.WriteFile(path, text, 0o644)
}

// Push replaces a text in a file of a clone, and pushes that as a commit that somebody made by hand.
func (p *Project) Push(clone, file, old, new string) error {
	if err := replaceIn(filepath.Join(clone, file), old, new); err != nil {
		return err
	}
	if _, err := p.Run(clone, "git", "commit", "--quiet", "--all", "--message", "by hand"); err != nil {
		return err
	}
	_, err := p.Run(clone, "git", "push", "--quiet", "origin", "HEAD:main")
	return err
}

// Meshc runs the compiler in the project's folder. The error is about starting it, not about how it ends.
func (p *Project) Meshc(args ...string) (Output, error) {
	return p.run(p.Dir, p.meshc, append([]string{"--color", "never"}, args...)...)
}

// MustMeshc runs the compiler; ending with another code than 0 is an error.
func (p *Project) MustMeshc(args ...string) (Output, error) {
	return p.must(p.meshc, append([]string{"--color", "never"}, args...)...)
}

// Run runs a program in a folder, with the project's environment; another code than 0 is an error.
func (p *Project) Run(dir, program string, args ...string) (Output, error) {
	out, err := p.run(dir, program, args...)
	if err == nil && out.Code != 0 {
		err = fmt.Errorf("%s %s: code %d: %s%s", filepath.Base(program), strings.Join(args, " "), out.Code, out.Stdout, out.Stderr)
	}
	return out, err
}

func (p *Project) must(program string, args ...string) (Output, error) {
	return p.Run(p.Dir, program, args...)
}

func (p *Project) run(dir, program string, args ...string) (Output, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, p.env, &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return Output{}, fmt.Errorf("%s: %w", program, err)
	}
	return Output{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}, nil
}

// Clone clones a repository into a new folder.
func (p *Project) Clone(url, dir string) error {
	_, err := p.must("git", "clone", "--quiet", url, dir)
	return err
}

// Tip is the commit of a branch of a repository, as its server says.
func (p *Project) Tip(url, branch string) (string, error) {
	out, err := p.must("git", "ls-remote", url, "refs/heads/"+branch)
	if err != nil {
		return "", err
	}
	commit, _, ok := strings.Cut(out.Stdout, "\t")
	if !ok {
		return "", fmt.Errorf("%s has no branch %s", url, branch)
	}
	return commit, nil
}
