"""What the centre knows and a store needs to judge orders: catalogue, prices, promotions, customers, rules."""
