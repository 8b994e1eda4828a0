"""Pure array functions that hold draws and memberships of a method against the reference."""
