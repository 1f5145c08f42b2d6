"""The shapes that cross the wire, one module per resource, each converting from and to the domain's values."""
