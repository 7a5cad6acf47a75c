// Puts a text in front of every value.
package main

import "sluicebox/plugin"

// Config is the stage's `config:`.
type Config struct {
	// Prefix is what the value gets in front.
	Prefix string `json:"prefix"`
}

func start(config Config, stage *plugin.Stage) (plugin.Process, error) {
	var answer []byte // its memory stays for the next record
	return func(record plugin.Record) (plugin.Verdict, error) {
		value := record.Value()
		if value == nil {
			return plugin.Keep, nil
		}
		if len(value) == 0 {
			return plugin.Reject("the value is empty"), nil
		}
		answer = append(append(answer[:0], config.Prefix...), value...)
		return plugin.Emit().Value(answer), nil
	}, nil
}

func init() {
	plugin.Export(plugin.About{Name: "{{name}}", Version: "0.1.0", Needs: plugin.Value}, start)
}

func main() {}
