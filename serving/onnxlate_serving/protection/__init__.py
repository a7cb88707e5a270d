"""What must come out as it went in: found, kept from the model, put back."""
