package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// fetch fetches the branch of a GitRepository from its server, with the credential that its Secret holds, and writes its
// tree as an archive. It gives the artifact as a status has it, and the commit.
func (c *Controller) fetch(ctx context.Context, o *unstructured.Unstructured) (artifact map[string]any, commit string, err error) {
	address, _, _ := unstructured.NestedString(o.Object, "spec", "url")
	branch, _, _ := unstructured.NestedString(o.Object, "spec", "ref", "branch")
	from, err := url.Parse(address)
	if err != nil {
		return nil, "", err
	}
	if name, ok, _ := unstructured.NestedString(o.Object, "spec", "secretRef", "name"); ok {
		user, err := c.secret(ctx, o.GetNamespace(), name, "username")
		if err != nil {
			return nil, "", err
		}
		password, err := c.secret(ctx, o.GetNamespace(), name, "password")
		if err != nil {
			return nil, "", err
		}
		from.User = url.UserPassword(user, password)
	}
	below := filepath.Join("gitrepository", o.GetNamespace(), o.GetName())
	folder := filepath.Join(c.dir, below)
	clone := filepath.Join(c.dir, "clones", o.GetNamespace(), o.GetName()+".git")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, "", err
	}
	if _, err := os.Stat(clone); err != nil {
		if _, err := git(ctx, "init", "--quiet", "--bare", clone); err != nil {
			return nil, "", err
		}
	}
	if _, err := git(ctx, "-C", clone, "-c", "gc.auto=0", "fetch", "--quiet", "--depth", "1", from.String(), "+refs/heads/"+branch+":refs/heads/"+branch); err != nil {
		return nil, "", err
	}
	out, err := git(ctx, "-C", clone, "rev-parse", "refs/heads/"+branch)
	if err != nil {
		return nil, "", err
	}
	commit = strings.TrimSpace(string(out))
	archive, err := git(ctx, "-C", clone, "archive", "--format=tar.gz", commit)
	if err != nil {
		return nil, "", err
	}
	if err := os.WriteFile(filepath.Join(folder, commit+".tar.gz"), archive, 0o644); err != nil {
		return nil, "", err
	}
	digest := sha256.Sum256(archive)
	path := filepath.ToSlash(filepath.Join(below, commit+".tar.gz"))
	artifact = map[string]any{
		"revision": branch + "@sha1:" + commit,
		"digest":   "sha256:" + hex.EncodeToString(digest[:]),
		"path":     path, "url": c.URL + "/artifacts/" + path,
		"size": int64(len(archive)), "lastUpdateTime": now(),
	}
	// What is there already keeps its time: a status that says the same again changes nothing.
	if old, ok, _ := unstructured.NestedMap(o.Object, "status", "artifact"); ok && old["digest"] == artifact["digest"] && old["revision"] == artifact["revision"] {
		artifact = old
	}
	return artifact, commit, nil
}

// git runs git without a terminal and without the machine's own settings.
func git(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	var out, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errors
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(errors.String()))
	}
	return out.Bytes(), nil
}
