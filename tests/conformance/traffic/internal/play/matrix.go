package play

import (
	"fmt"
	"slices"
	"sync"

	"meshc/tests/conformance/traffic/internal/cluster"
	"meshc/tests/conformance/traffic/internal/lab"
	"meshc/tests/conformance/traffic/internal/proof"
)

// atOnce is how many clients of a matrix run at the same time.
const atOnce = 6

// matrix sends one request from every pod to every target, and compares with the callers that must get through.
func (p *Player) matrix(targets []proof.Target, rows []Row) error {
	var callers []*cluster.Pod
	seen := map[string]bool{}
	for _, pod := range p.stage.Cluster.Pods {
		if !pod.Workload.Gateway && !seen[pod.Workload.Name] {
			seen[pod.Workload.Name] = true
			callers = append(callers, pod)
		}
	}
	slots := make(chan struct{}, atOnce)
	var wait sync.WaitGroup
	codes := make([][]string, len(targets))
	var mu sync.Mutex
	var failed error
	for t, target := range targets {
		codes[t] = make([]string, len(callers))
		for c, pod := range callers {
			wait.Add(1)
			slots <- struct{}{}
			go func() {
				defer func() { <-slots; wait.Done() }()
				code, err := p.ask(pod, target)
				mu.Lock()
				defer mu.Unlock()
				if codes[t][c] = code; err != nil && failed == nil {
					failed = err
				}
			}()
		}
	}
	wait.Wait()
	if failed != nil {
		return failed
	}
	for t, target := range targets {
		judgeTarget(target, callers, codes[t], &rows[t])
	}
	return nil
}

func (p *Player) ask(pod *cluster.Pod, target proof.Target) (string, error) {
	r, err := p.stage.Start(lab.Call{
		From: pod.Name, To: target.To, Proto: target.Proto, Path: target.Path, Method: target.Method, Requests: 1, Timeout: "5s",
	})
	if err != nil {
		return "", err
	}
	if err := r.Wait(); err != nil {
		return "", fmt.Errorf("%s -> %s: the client failed: %w", pod.Name, target.To, err)
	}
	codes := r.Codes()
	if len(codes) != 1 {
		return "", fmt.Errorf("%s -> %s: %d answers", pod.Name, target.To, len(codes))
	}
	return codes[0], nil
}

// judgeTarget compares the answers of all callers with those that are declared. An error of the mesh is no refusal: a
// pod of the mesh must be told that it may not, and one outside of it must not get through.
func judgeTarget(target proof.Target, callers []*cluster.Pod, codes []string, row *Row) {
	through, refused := 0, 0
	row.Sent = fmt.Sprintf("every pod -> %s %s %s", target.To, target.Method, target.Path)
	for i, pod := range callers {
		code := codes[i]
		allowed := slices.Contains(target.Callers, pod.Workload.Name) || slices.Contains(target.Callers, "*")
		passed := code == "OK" || code == "200" || code == "echo"
		if passed {
			through++
		} else {
			refused++
		}
		told := code == "PermissionDenied" || code == "403" || code == "closed" || !pod.Meshed
		switch {
		case allowed && !passed:
			row.Problems = append(row.Problems, fmt.Sprintf("%s -> %s %s: %s, and is allowed", pod.Workload.Name, target.To, target.Path, code))
		case !allowed && passed:
			row.Problems = append(row.Problems, fmt.Sprintf("%s -> %s %s: %s, and is not allowed", pod.Workload.Name, target.To, target.Path, code))
		case !allowed && !told:
			row.Problems = append(row.Problems, fmt.Sprintf("%s -> %s %s: %s, which is no refusal", pod.Workload.Name, target.To, target.Path, code))
		}
	}
	open := 0
	for _, pod := range callers {
		if slices.Contains(target.Callers, pod.Workload.Name) || slices.Contains(target.Callers, "*") {
			open++
		}
	}
	row.Expected = fmt.Sprintf("%d through, %d refused", open, len(callers)-open)
	row.Measured = fmt.Sprintf("%d through, %d refused", through, refused)
}
