"""The demo: what `newllm demo` and `newllm ui --demo` show, and the configurations that it is made from."""
