"""Routes: thin translations between HTTP and `engine.app`."""
