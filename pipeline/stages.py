"""Where the fits of a corrected method ended: the words of status.csv, by which the report tells."""

FIRST_ACCEPTED = "first proposals accepted"  # no remark
MORE_ACCEPTED = "accepted with more proposals"  # how the remark begins
TO_NUTS = "escalated to NUTS"  # likewise
