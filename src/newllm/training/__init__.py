"""Training: configuration, loop, snapshots, resume. `config`, `config_file` and `presets` import no torch."""
