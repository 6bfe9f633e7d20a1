"""The routes, one file a protocol: cloze, belief (our own), fill_mask (Hugging Face's), models, operations, pages."""
