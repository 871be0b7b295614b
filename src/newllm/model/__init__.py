"""The language model: embedding, body, head.

`config` and `presets` are plain data and import no torch; the rest is imported by its module's name.
"""
