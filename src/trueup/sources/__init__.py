"""Where desired state comes from: sources turned into immutable trees and artifacts.

An adapter: it knows the core's values and its remotes, and nothing of units, dialects or the engine.
"""
