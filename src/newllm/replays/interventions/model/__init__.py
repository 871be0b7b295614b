"""Changes of what is computed: the context and its rule, the layers; and what can be read off a model before."""
