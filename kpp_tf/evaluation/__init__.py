"""What a trained memory is worth: bounds, pictures, diagnostics."""
