"""Programs whose n-th call to the disk fails, or after which the power is cut."""
