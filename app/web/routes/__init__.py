"""The routes, one module per resource: convert, call one method, convert back."""
