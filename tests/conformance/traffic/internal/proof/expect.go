package proof

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Expectations say what must be measured, by name: "5", "3..7", ">=3", "<=7", or "~5%", a share of `total` that is
// drawn by chance. What was not measured is 0.
type Expectations map[string]string

// deviations is how far a share may be off, in standard deviations. By the normal distribution a right weight fails
// once in 150,000 times at 4.5, so a table of a hundred shares can be run for years.
const deviations = 4.5

var span = regexp.MustCompile(`^(?:(>=|<=)?(-?\d+(?:\.\d+)?)|(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)|~(\d+(?:\.\d+)?)%)$`)

// Check says whether all of them can be read.
func (e Expectations) Check() error {
	for name, text := range e {
		if _, _, err := bounds(text, 1); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// Judge names what was measured otherwise, in the order of names.
func (e Expectations) Judge(measured map[string]float64) (problems []string) {
	for _, name := range slices.Sorted(maps.Keys(e)) {
		low, high, err := bounds(e[name], measured["total"])
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", name, err))
		} else if got := measured[name]; got < low || got > high {
			problems = append(problems, fmt.Sprintf("%s: measured %g, expected %s", name, got, within(e[name], low, high)))
		}
	}
	return problems
}

// bounds gives the least and the greatest number that an expectation allows.
func bounds(text string, total float64) (low, high float64, err error) {
	m := span.FindStringSubmatch(text)
	if m == nil {
		return 0, 0, fmt.Errorf("%q is no number, A..B, >=A, <=A or ~P%%", text)
	}
	number := func(s string) float64 { f, _ := strconv.ParseFloat(s, 64); return f } // the pattern matched
	switch {
	case m[5] != "":
		low, high = Share(number(m[5])/100, total)
	case m[3] != "":
		low, high = number(m[3]), number(m[4])
	case m[1] == ">=":
		low, high = number(m[2]), math.Inf(1)
	case m[1] == "<=":
		low, high = math.Inf(-1), number(m[2])
	default:
		low, high = number(m[2]), number(m[2])
	}
	if low > high {
		return 0, 0, fmt.Errorf("%q allows nothing", text)
	}
	return low, high, nil
}

// Share gives the bounds of how often something happens that is drawn with a probability, in this many draws.
func Share(probability, draws float64) (low, high float64) {
	mean := probability * draws
	off := deviations * math.Sqrt(draws*probability*(1-probability))
	return math.Max(0, math.Floor(mean-off)), math.Min(draws, math.Ceil(mean+off))
}

func within(text string, low, high float64) string {
	if strings.HasPrefix(text, "~") {
		return fmt.Sprintf("%s (%g..%g)", text, low, high)
	}
	return text
}

// Describe writes expectations and what was measured of them, each for a cell of a table.
func (e Expectations) Describe(measured map[string]float64) (expected, got string) {
	var wants, gots []string
	for _, name := range slices.Sorted(maps.Keys(e)) {
		wants = append(wants, name+"="+e[name])
		gots = append(gots, fmt.Sprintf("%s=%g", name, measured[name]))
	}
	return strings.Join(wants, " "), strings.Join(gots, " ")
}
