package main

// Bounds on what one render may read and give. They are far above what real repositories hold and far below what
// would hurt; the message of each failure names the bound.
const (
	maxFileBytes    = 16 << 20
	maxReadBytes    = 128 << 20
	maxListed       = 100_000
	maxObjects      = 20_000
	maxLinks        = 40
	maxWarnings     = 100
	maxDepth        = 64
	maxNestedCharts = 10
	maxMessageBytes = 8 << 10
)

// shorten bounds a message that carries a library's words.
func shorten(text string) string {
	if len(text) <= maxMessageBytes {
		return text
	}
	return text[:maxMessageBytes] + " …"
}
