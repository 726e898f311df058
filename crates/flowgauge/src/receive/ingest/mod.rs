//! OTLP and files: calls that others saw.
