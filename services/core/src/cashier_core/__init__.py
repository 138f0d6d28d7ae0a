"""What the web and ws services agree on."""
