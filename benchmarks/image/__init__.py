"""The image of the Dockerfile, built without an engine like Docker's, and tried."""
