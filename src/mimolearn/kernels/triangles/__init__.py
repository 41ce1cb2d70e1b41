"""The triangles of channels that tree searches descend: orders, factors, rotated vectors."""
