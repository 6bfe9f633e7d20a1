"""The routes, one file a protocol: cloze (our own), fill_mask (Hugging Face's), models, operations, pages."""
