// Package deploy publishes a project with meshc into a deploy repository of its own, and reads the commits.
package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Repository is a copy of a project with the embedded deploy repository that meshc keeps there.
type Repository struct {
	// Said holds for each commit the subjects whose streams `meshc plan` said would be cut: services as NAMESPACE/SERVICE,
	// namespaces, gateways. A plan says it of a publish, and of every stage of the release that this begins.
	Said map[string][]string

	meshc, environment, project string
	folder                      string   // of the environment in the deploy repository
	stages                      []string // subjects whose streams every stage cuts
}

// Commit is one commit of the deploy branch.
type Commit struct {
	ID, Subject string
	Says        []string // each line of its list, as "shop/web v2 0 % -> 20 %"
}

// Open copies a project to an empty folder.
func Open(meshc, project, environment, dir string) (*Repository, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	r := &Repository{meshc: meshc, environment: environment, project: dir, folder: environment, Said: map[string][]string{}}
	return r, os.CopyFS(dir, source{os.DirFS(project)})
}

// Write writes files into the project. One with an empty text is removed.
func (r *Repository) Write(files map[string]string) error {
	for name, text := range files {
		file := filepath.Join(r.project, name)
		if !filepath.IsLocal(name) {
			return fmt.Errorf("%s is outside of the project", name)
		}
		if text == "" {
			if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Command is a command of meshc that runs.
type Command struct {
	repository *Repository
	cmd        *exec.Cmd
	output     bytes.Buffer
	before     string // the tip at the start
	cuts       []string
	done       chan struct{}
	err        error
}

// Start starts a command, as `publish` or `promote --approve prices`, with more arguments that a person would not type.
// The repository is always the embedded one, and the environment that of the run. A commit of a publish is taken for
// live as soon as it is there, unless the command says `--settle`: whoever calls this applies it before the next.
func (r *Repository) Start(line string, more ...string) (*Command, error) {
	words := strings.Fields(line)
	if len(words) == 0 {
		return nil, errors.New("meshc: no command")
	}
	c := &Command{repository: r, done: make(chan struct{}), cuts: r.stages}
	place := []string{"--env", r.environment, "--repository", "embedded"}
	if words[0] == "publish" {
		if !slices.Contains(words, "--settle") {
			place = append(place, "--settle", "0s")
		}
		if err := c.plan(words, place); err != nil {
			return nil, err
		}
	}
	var err error
	if c.before, err = r.tip(); err != nil {
		return nil, err
	}
	c.cmd = r.command(append(append(words, place...), more...))
	c.cmd.Stdout, c.cmd.Stderr = &c.output, &c.output
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { c.err = c.cmd.Wait(); close(c.done) }()
	return c, nil
}

// Done is closed when the command has ended.
func (c *Command) Done() <-chan struct{} { return c.done }

// Kill ends the command.
func (c *Command) Kill() {
	c.cmd.Process.Kill()
	<-c.done
}

// Result gives the exit code and what was printed, once the command is done.
func (c *Command) Result() (code int, output string, err error) {
	<-c.done
	var exit *exec.ExitError
	if c.err != nil && !errors.As(c.err, &exit) {
		return 0, "", c.err
	}
	if len(c.cuts) > 0 {
		commits, err := c.repository.Commits(c.before)
		if err != nil {
			return 0, "", err
		}
		for _, commit := range commits {
			c.repository.Said[commit.ID] = c.cuts
		}
	}
	return c.cmd.ProcessState.ExitCode(), c.output.String(), nil
}

// plan asks `meshc plan` what the publish that follows will cut.
func (c *Command) plan(words, place []string) error {
	args := []string{"plan", "--format", "json", "--no-diff"}
	for i, word := range words {
		switch {
		case word == "--uninstall":
			args = append(args, word)
		case word == "--settle" && i+1 < len(words):
			args = append(args, word, words[i+1])
		}
	}
	cmd := c.repository.command(append(args, place...))
	text, err := cmd.Output()
	if err != nil {
		return nil // the publish says it better
	}
	folder, cuts, stages, err := read(text)
	c.cuts = cuts
	c.repository.stages = append(c.repository.stages, stages...)
	if folder != "" {
		c.repository.folder = folder
	}
	return err
}

// read gives the folder that a plan, as JSON, is for, and the subjects whose streams it says will be cut: now, and by each
// stage of a release.
func read(plan []byte) (folder string, cuts, stages []string, err error) {
	var said struct {
		Environments []struct {
			Folder  string
			Changes []struct{ Kind, Subject, Text string }
		}
	}
	if err := json.Unmarshal(plan, &said); err != nil {
		return "", nil, nil, fmt.Errorf("meshc plan: %w", err)
	}
	for _, environment := range said.Environments {
		folder = environment.Folder
		for _, change := range environment.Changes {
			if change.Kind != "cost" || !strings.HasPrefix(change.Text, "cuts streams") {
				continue
			}
			cuts = append(cuts, change.Subject)
			if strings.Contains(change.Text, "each stage") {
				stages = append(stages, change.Subject)
			}
		}
	}
	return folder, cuts, stages, nil
}

func (r *Repository) command(args []string) *exec.Cmd {
	cmd := exec.Command(r.meshc, append([]string{"-C", r.project, "--color", "never"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=Conformance", "GIT_AUTHOR_EMAIL=conformance@example.com",
		"GIT_COMMITTER_NAME=Conformance", "GIT_COMMITTER_EMAIL=conformance@example.com")
	return cmd
}

// git runs git in the deploy repository.
func (r *Repository) git(args ...string) ([]byte, error) {
	cmd := exec.Command("git", append([]string{"--git-dir", filepath.Join(r.project, ".meshc/deploy.git")}, args...)...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(exit.Stderr))
	}
	return out, err
}

// branch is the deploy branch: the only one of the embedded repository.
func (r *Repository) branch() (string, error) {
	if _, err := os.Stat(filepath.Join(r.project, ".meshc/deploy.git")); err != nil {
		return "", nil // nothing was published yet
	}
	out, err := r.git("for-each-ref", "--format=%(refname)", "refs/heads")
	if err != nil {
		return "", err
	}
	name, rest, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if rest != "" {
		return "", fmt.Errorf("the deploy repository has several branches: %s, %s", name, rest)
	}
	return name, nil
}

// tip is the newest commit, or nothing.
func (r *Repository) tip() (string, error) {
	branch, err := r.branch()
	if err != nil || branch == "" {
		return "", err
	}
	out, err := r.git("rev-parse", branch)
	return strings.TrimSpace(string(out)), err
}

// Commits gives the commits after one, oldest first; all of them after "".
func (r *Repository) Commits(after string) (list []Commit, err error) {
	tip, err := r.tip()
	if err != nil || tip == "" {
		return nil, err
	}
	span := tip
	if after != "" {
		span = after + ".." + tip
	}
	out, err := r.git("log", "--reverse", "--first-parent", "-z", "--format=%H %B", span)
	if err != nil {
		return nil, err
	}
	for _, text := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		if id, message, ok := strings.Cut(text, " "); ok {
			list = append(list, commit(id, message))
		}
	}
	return list, nil
}

// commit reads a message: a subject, then a list, whose items may have more below them.
func commit(id, message string) Commit {
	lines := strings.Split(strings.TrimSpace(message), "\n")
	c := Commit{ID: id, Subject: lines[0]}
	for _, line := range lines[1:] {
		if item, ok := strings.CutPrefix(line, "- "); ok {
			c.Says = append(c.Says, item)
		}
	}
	return c
}
