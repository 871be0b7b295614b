"""Several runs at once, computed: arms over seeds, common axes, bands and differences. Plain numpy."""
