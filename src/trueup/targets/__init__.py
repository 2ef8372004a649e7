"""Where desired objects go: each target carries out the steps of a plan and says what lives."""
