"""Reads OpenMetrics text from standard input with Prometheus' own parser, and prints the names of the metrics."""

import sys

from prometheus_client.openmetrics.parser import text_fd_to_metric_families

for family in text_fd_to_metric_families(sys.stdin):
    print(family.name)
