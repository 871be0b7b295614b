"""The version of newllm, which runs and replays write down."""

VERSION = "0.1.0"
