package plugin

import (
	"fmt"
	"slices"
	"strings"
)

// Stage is what a plugin is told of its stage when it starts.
type Stage struct {
	name    string
	outputs []string
}

// Name is the stage's name in the pipeline file.
func (stage *Stage) Name() string { return stage.name }

// Outputs are the names of the pipeline's outputs, default included.
func (stage *Stage) Outputs() []string { return slices.Clone(stage.outputs) }

// CheckOutput is an error where the pipeline has no output of this name. Ask it at the start of every name that the
// configuration has.
func (stage *Stage) CheckOutput(name string) error {
	if slices.Contains(stage.outputs, name) {
		return nil
	}
	hint := ""
	if near := nearest(name, stage.outputs); near != "" {
		hint = fmt.Sprintf("did you mean `%s`? ", near)
	}
	return fmt.Errorf("the pipeline has no output `%s`; %sits outputs are: %s", name, hint, strings.Join(stage.outputs, ", "))
}

// nearest is the name that a slip of a few letters makes of another; "" where none is near.
func nearest(name string, names []string) string {
	best, found := 1<<30, ""
	for _, other := range names {
		if d := distance(name, other); d < best && d <= max(len(name), len(other))/3 {
			best, found = d, other
		}
	}
	return found
}

// distance counts the letters to insert, delete, replace or swap with their neighbour.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
