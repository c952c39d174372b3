"""What operators see of the service: metrics for Prometheus, traces for OpenTelemetry, and the context of log lines."""
