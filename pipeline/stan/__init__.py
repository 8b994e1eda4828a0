"""Stan: which one, how programs are built, and what a built program bound to data can do."""
