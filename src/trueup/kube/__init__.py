"""The Kubernetes client: the only room that speaks HTTP to an API server.

It knows connections, resources, requests, watches, leases and the live cache; it must not know units, dialects or what
a sync is. Start with `connect` (how to reach a cluster), `client` (requests), `discovery` (which kinds there are) and
`livecache` (what lives, kept up to date by watches).
"""
