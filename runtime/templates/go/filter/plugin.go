// Keeps the records whose value contains a text, and drops the others.
package main

import (
	"bytes"

	"sluicebox/plugin"
)

// Config is the stage's `config:`.
type Config struct {
	// Contains is what the value has to contain.
	Contains string `json:"contains"`
}

func start(config Config, stage *plugin.Stage) (plugin.Process, error) {
	contains := []byte(config.Contains)
	return func(record plugin.Record) (plugin.Verdict, error) {
		value := record.Value()
		if value == nil || bytes.Contains(value, contains) {
			return plugin.Keep, nil
		}
		return plugin.Drop, nil
	}, nil
}

func init() {
	plugin.Export(plugin.About{Name: "{{name}}", Version: "0.1.0", Needs: plugin.Value}, start)
}

func main() {}
