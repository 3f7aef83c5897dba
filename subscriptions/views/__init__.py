"""Pages of a product's subscription."""
