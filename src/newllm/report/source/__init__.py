"""What is known of a run, a log or a study, read so that no bad file takes the others with it."""

from newllm.report.source.source import Source, read_source

__all__ = ["Source", "read_source"]
