// Sends the records whose value contains a text to an output of the pipeline; the others go on.
package main

import (
	"bytes"
	"fmt"

	"sluicebox/plugin"
)

// Config is the stage's `config:`.
type Config struct {
	// Contains is what the value has to contain.
	Contains string `json:"contains"`
	// Output is where such records go.
	Output string `json:"output"`
}

func start(config Config, stage *plugin.Stage) (plugin.Process, error) {
	if err := stage.CheckOutput(config.Output); err != nil {
		return nil, fmt.Errorf("config.output: %w", err)
	}
	contains := []byte(config.Contains)
	return func(record plugin.Record) (plugin.Verdict, error) {
		value := record.Value()
		if value == nil || !bytes.Contains(value, contains) {
			return plugin.Keep, nil
		}
		return plugin.Emit().To(config.Output), nil
	}, nil
}

func init() {
	plugin.Export(plugin.About{Name: "{{name}}", Version: "0.1.0", Needs: plugin.Value}, start)
}

func main() {}
