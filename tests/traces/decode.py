"""Decodes requests of OTLP with OpenTelemetry's own messages.

Reads lines of hexadecimal digits, each a request, and writes a line of JSON for each span. What the messages do not
know is an error.
"""

import json
import sys

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


def attributes(pairs):
    found = {}
    for pair in pairs:
        assert pair.key and pair.key not in found, f"the attribute {pair.key!r} is there twice, or has no name"
        found[pair.key] = getattr(pair.value, pair.value.WhichOneof("value"))
    return found


def events(span):
    return [{"name": event.name, "at": event.time_unix_nano, "attributes": attributes(event.attributes)}
            for event in span.events]


def links(span):
    return [{"trace_id": link.trace_id.hex(), "span_id": link.span_id.hex(), "trace_state": link.trace_state,
             "flags": link.flags, "attributes": attributes(link.attributes)} for link in span.links]


def describe(resource, span):
    assert len(span.trace_id) == 16 and any(span.trace_id), span
    assert len(span.span_id) == 8 and any(span.span_id), span
    assert len(span.parent_span_id) in (0, 8) and span.name, span
    assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano, span
    return {
        "resource": attributes(resource.attributes),
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "trace_state": span.trace_state,
        "flags": span.flags,
        "name": span.name,
        "kind": Span.SpanKind.Name(span.kind),
        "begin": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
        "attributes": attributes(span.attributes),
        "events": events(span),
        "links": links(span),
    }


def main():
    for line in sys.stdin:
        data = bytes.fromhex(line)
        request = ExportTraceServiceRequest.FromString(data)
        known = ExportTraceServiceRequest.FromString(data)
        known.DiscardUnknownFields()
        assert known.SerializeToString() == request.SerializeToString(), "a request has fields that nobody knows"
        for of_resource in request.resource_spans:
            for of_scope in of_resource.scope_spans:
                assert of_scope.scope.name == "sluicebox", of_scope.scope
                for span in of_scope.spans:
                    print(json.dumps(describe(of_resource.resource, span)))


main()
