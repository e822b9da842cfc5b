"""The HTTP layer: translate, call one service, translate back."""
