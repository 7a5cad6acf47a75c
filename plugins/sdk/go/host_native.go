//go:build !wasip1

package plugin

import (
	"fmt"
	"os"

	"sluicebox/plugin/internal/hook"
)

// What stands in for the host where a plugin is tested without WebAssembly.

func started() {}

func hostLog(level uint32, message string) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", [...]string{"error", "warn", "info", "debug"}[level], message)
}

func hostCount(name string, delta uint64) { hook.Counters[name] += delta }
