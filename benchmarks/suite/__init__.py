"""The product at one size, each measurement against a target."""
