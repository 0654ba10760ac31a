"""Policy tried out: what it would say of a call, and whether that is what somebody wrote down."""
