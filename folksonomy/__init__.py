"""Free words on things, ignorant of the things: tags and metadata names."""
