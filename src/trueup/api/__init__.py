"""What Trueup answers over HTTP."""
