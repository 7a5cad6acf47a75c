package main

import (
	"fmt"
	"testing"

	"sluicebox/plugin/plugintest"
)

const config = `{"statuses": ["shipped", "caf\u00e9"]}`

func TestAnOrderIsEnriched(t *testing.T) {
	plugin := plugintest.Start(t, config, "default")
	verdict := plugin.Run(plugintest.Text(` {"id": 1.50e0, "status": "shipped", "quantity": 3.0, "price_cents": 25e1, "a<b": "<\u00e9>",
		"internal_note": {"a": [1]}, "total_cents": "old", "customer": {"email": "ann@example.org", "x": 1e2}} `))
	want := `{"id":1.50e0,"a<b":"<\u00e9>","status":"shipped","quantity":3.0,"price_cents":25e1,"customer":{"email":"a***@example.org","x":1e2},"total_cents":750}`
	if verdict.Is != "emit" || verdict.Emitted[0].Value.Text != want {
		t.Errorf("%+v", verdict)
	}
}

func TestValuesStayAsTheyAreWritten(t *testing.T) {
	plugin := plugintest.Start(t, config, "default")
	for _, value := range []string{`"\\"`, `"\""`, `"}],{["`, "[]", "{}", `[[{"a":[]}],"]"]`, "-0.0e-1", "null", `{"a" : [ 1 , 2 ] }`, `""`} {
		order := fmt.Sprintf("{\n\"x\" :\t%s , \"st\\u0061tus\":\"shipped\",\"quantity\": 1,\"price_cents\":1 }\r\n", value)
		want := fmt.Sprintf(`{"x":%s,"status":"shipped","quantity":1,"price_cents":1,"total_cents":1}`, value)
		if verdict := plugin.Run(plugintest.Text(order)); len(verdict.Emitted) != 1 || verdict.Emitted[0].Value.Text != want {
			t.Errorf("%s: %+v", value, verdict)
		}
	}
}

func TestWhatIsNoObjectIsRejected(t *testing.T) {
	plugin := plugintest.Start(t, config, "default")
	for _, value := range []string{"", " ", "null", "1", "[]", "{", `{"a":1,}`, `{"a":NaN}`, `{"a":01}`, `{} x`, "{}{}",
		"{\"a\":\"\xff\"}", "{\"a\":\"\t\"}", "{/**/}", "\ufeff{}", `{'a':1}`, `{"a":+1}`, `{"a":.5}`, `{"a":"\x41"}`} {
		if verdict := plugin.Run(plugintest.Text(value)); verdict.Reason != "the value is not a JSON object" {
			t.Errorf("%q: %+v", value, verdict)
		}
	}
}

func TestNumbersHaveToBeWhole(t *testing.T) {
	plugin := plugintest.Start(t, config, "default")
	for _, number := range []string{"null", `"3"`, "1.5", "1e400", "9007199254740992", "-9007199254740992", "[]", "true", "1e-1"} {
		value := fmt.Sprintf(`{"status":"shipped","quantity":%s,"price_cents":1}`, number)
		if verdict := plugin.Run(plugintest.Text(value)); verdict.Reason != "quantity is not a whole number" {
			t.Errorf("%s: %+v", number, verdict)
		}
	}
}

func TestAnAddressIsMasked(t *testing.T) {
	for email, want := range map[string]string{
		"ann@example.org": "a***@example.org", "\u00e9@b": "\u00e9***@b", "a@b@c": "a***@c", "a@": "a***@",
		"@@b": "***", "": "***", "ann": "***", "@": "***", "@example.org": "***",
	} {
		if got := mask(email); got != want {
			t.Errorf("%s: %s, not %s", email, got, want)
		}
	}
}
