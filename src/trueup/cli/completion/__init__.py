"""What shells may complete words to: `callbacks` are asked by the options, `answers` asks clusters and histories."""
