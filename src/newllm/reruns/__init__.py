"""`newllm replay RECORDING`: the program of a recording is run again, then with one thing changed of some steps.

A recording has no batches and states, but the program that made it (RUN/program.json). Run again it must have the
losses of the recording; then what the optimizer was set to is held, or its updates are left out, and what becomes of
the rise of the loss is measured. Trials run in copies of the program's directory, as those of `newllm bisect`.

rise       a rise of the loss in a recording, and how much of it a trial has
changes    what is tried, from what the recording shows
result     what came out, as data; RUN/rerun.json
session    all of it in order
"""
