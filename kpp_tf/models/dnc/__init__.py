"""The differentiable neural computer as a generative memory."""
