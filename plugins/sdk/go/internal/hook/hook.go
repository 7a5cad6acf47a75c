// Package hook lets plugintest start the exported plugin without that being in the SDK's own interface.
package hook

// Start starts the exported plugin for a stage.
var Start func(json, stage string, outputs []string) (Instance, error)

// Instance is a started plugin.
type Instance interface {
	// Needs is what the plugin reads, as the interface's flags.
	Needs() uint8
	// Run judges a batch in packed form. What it hands out is good until the next call.
	Run(index, data []byte) (verdicts, resultIndex, resultData []byte, err error)
}

// Counters is what plugins have counted in native tests.
var Counters = map[string]uint64{}
