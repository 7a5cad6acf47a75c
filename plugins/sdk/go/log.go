package plugin

import (
	"fmt"
	"strings"
)

// Messages into the host's log, which marks them with the pipeline and the stage, and bounds them in length and rate.
// In native tests they go to standard error.

const (
	levelError = iota
	levelWarn
	levelInfo
	levelDebug
)

// LogError logs what somebody has to look at. Arguments are those of fmt.Sprintf.
func LogError(format string, arguments ...any) { log(levelError, format, arguments) }

// LogWarn logs what somebody should look at some time.
func LogWarn(format string, arguments ...any) { log(levelWarn, format, arguments) }

// LogInfo logs what is worth knowing.
func LogInfo(format string, arguments ...any) { log(levelInfo, format, arguments) }

// LogDebug logs for debugging.
func LogDebug(format string, arguments ...any) { log(levelDebug, format, arguments) }

func log(level uint32, format string, arguments []any) {
	message := format
	if len(arguments) > 0 {
		message = fmt.Sprintf(format, arguments...)
	}
	hostLog(level, strings.ToValidUTF8(message, "\uFFFD"))
}

// Count adds to a counter that the host keeps under the pipeline, the stage and this name.
func Count(name string, delta uint64) { hostCount(strings.ToValidUTF8(name, "\uFFFD"), delta) }
