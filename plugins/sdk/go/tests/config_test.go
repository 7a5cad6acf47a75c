package tests

import (
	"errors"
	"testing"
	"time"

	"sluicebox/plugin"
	"sluicebox/plugin/plugintest"
)

type contains struct {
	Contains string `json:"contains"`
}

type base struct {
	Name string `json:"name,omitempty"`
}

type wide struct {
	base
	List   []string        `json:"list,omitempty"`
	Map    map[string]int8 `json:"map,omitempty"`
	Flag   bool            `json:"flag,omitempty"`
	Size   uint16          `json:"size,omitempty"`
	Share  float64         `json:"share,omitempty"`
	Nested *contains       `json:"nested"`
	Any    any             `json:"any,omitempty"`
	At     time.Time       `json:"at,omitzero"`
	Hidden string          `json:"-"`
}

// refusal is what the user sees of a configuration of this type; "" where the plugin starts.
func refusal[Config any](t *testing.T, json string) string {
	t.Helper()
	plugin.Export(plugin.About{}, func(Config, *plugin.Stage) (plugin.Process, error) {
		return nil, errors.New("")
	})
	return plugintest.StartError(t, json, "default")
}

func TestAnErrorOfTheConfigurationNamesTheKey(t *testing.T) {
	for json, want := range map[string]string{
		`{"contains": "x"}`:  "",
		`{"contains": 5}`:    "config.contains: expected a string, found the number 5",
		`{"contains": null}`: "config.contains: expected a string, found null",
		`{"contains": true}`: "config.contains: expected a string, found true",
		`{"contains": []}`:   "config.contains: expected a string, found a list",
		`{"contains": {}}`:   "config.contains: expected a string, found a map",
		`{}`:                 "config.contains: missing",
		` null `:             "config.contains: missing",
		`{"contans": "x"}`:   "config.contans: unknown key, expected contains",
		`{"Contains": "x"}`:  "config.Contains: unknown key, expected contains",
		`[]`:                 "config: expected a map, found a list",
		`"x"`:                `config: expected a map, found the text "x"`,
	} {
		if got := refusal[contains](t, json); got != want {
			t.Errorf("%s: %s, not %s", json, got, want)
		}
	}
}

func TestEveryKindOfValueIsChecked(t *testing.T) {
	for json, want := range map[string]string{
		`null`: "",
		`{"name": "n", "list": ["a"], "map": {"a": -1}, "flag": true, "size": 5, "share": 1e3, "nested": null, "any": [1]}`: "",
		`{"list": "x"}`:                  `config.list: expected a list, found the text "x"`,
		`{"list": ["x", 1.50]}`:          "config.list[1]: expected a string, found the number 1.50",
		`{"map": {"b": 300}}`:            "config.map.b: expected a whole number of 8 bits, found the number 300",
		`{"map": {"b": "<"}}`:            `config.map.b: expected a whole number, found the text "<"`,
		`{"flag": "yes"}`:                `config.flag: expected a boolean, found the text "yes"`,
		`{"size": -1}`:                   "config.size: expected a whole number from 0, found the number -1",
		`{"size": 1.5}`:                  "config.size: expected a whole number, found the number 1.5",
		`{"share": "1"}`:                 `config.share: expected a number, found the text "1"`,
		`{"nested": {}}`:                 "config.nested.contains: missing",
		`{"nested": {"x": 1}}`:           "config.nested.x: unknown key, expected contains",
		`{"at": 5}`:                      "config.at: Time.UnmarshalJSON: input is not a JSON string",
		`{"at": "2026-01-01T00:00:00Z"}`: "",
		`{"Hidden": 5}`:                  "config.Hidden: unknown key, expected name, list, map, flag, size, share, nested, any or at",
	} {
		if got := refusal[wide](t, json); got != want {
			t.Errorf("%s: %s, not %s", json, got, want)
		}
	}
}

func TestAPluginWithoutConfigurationTakesNone(t *testing.T) {
	if got := refusal[struct{}](t, "null"); got != "" {
		t.Error(got)
	}
	if got, want := refusal[struct{}](t, `{"a": 1}`), "config.a: unknown key, expected no key"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
}

func TestAnUnknownOutputIsRefusedWithTheNearestName(t *testing.T) {
	for name, want := range map[string]string{
		"audit": "",
		"audti": "the pipeline has no output `audti`; did you mean `audit`? its outputs are: default, audit",
		"eu":    "the pipeline has no output `eu`; its outputs are: default, audit",
	} {
		plugin.Export(plugin.About{}, func(_ struct{}, stage *plugin.Stage) (plugin.Process, error) {
			if err := stage.CheckOutput(name); err != nil {
				return nil, err
			}
			return nil, errors.New("")
		})
		if got := plugintest.StartError(t, "null", "default", "audit"); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}
