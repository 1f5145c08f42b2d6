"""The catalogue that ships with Segue and the listeners who play it."""
